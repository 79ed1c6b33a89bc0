// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Errors} from "../src/libraries/Errors.sol";
import {Keys} from "../src/libraries/Keys.sol";
import {Steps} from "./support/Steps.sol";
import {Tree, TreeKit} from "./support/Tree.sol";
import {World} from "./support/World.sol";
import {bound, vm} from "./support/Test.sol";

contract SettleTest is World {
    using TreeKit for Tree;

    function setUp() external {
        populate();
    }

    function test_private_batch_is_paid_by_static_units() external {
        settle(adapter, 0, 100 ether, "");
        checkpointAll();
        // contributors 50 % and, since the payer served himself, the host's 10 %
        vm.assertEq(honest.total(), 100 ether);
        uint256 first = claim(Keys.DATANET | 1);
        vm.assertEq(first, 60 ether * uint256(6_667) / 10_000);
        vm.assertEq(datanets.collect(1, 6), first * 60 / 210);
        vm.assertEq(settlement.balanceOf(person(6)), first * 60 / 210);
    }

    function test_auditable_batch_is_paid_by_weights_below_the_cap() external {
        settle(adapter, 2, 100 ether, Steps.two(1, 100, 3, 900));
        checkpointAll();
        // 50 ether, 70 % of it by weights, 25 % of that for one at most
        vm.assertEq(claim(1), 3.5 ether);
        vm.assertEq(claim(3), 8.75 ether);
        vm.assertEq(claim(2), 10 ether);
        vm.assertEq(person(2).balance, 10 ether);
        vm.assertEq(claim(2), 0);
    }
}
